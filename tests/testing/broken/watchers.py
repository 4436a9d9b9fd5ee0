"""Observers that have a hand in the run, and converters that trust what they are given."""

from tests.testing.broken import breaks
from tests.testing.sound import Counting, Reading


@breaks("watches-and-changes-nothing", "step 1: it changes what it sees", "observer")
class Clamping(Counting):
    def __call__(self, progress):
        progress.info.image.clamp_(0.5, 0.5)


@breaks("watches-and-changes-nothing", "it returns 'stop'", "observer")
class Talking(Counting):
    def __call__(self, progress):
        return "stop"


@breaks("watches-and-changes-nothing", "it raised AttributeError", "observer")
class Unclosable(Counting):
    def close(self):
        self.file.close()


@breaks("watches-and-changes-nothing", "makes a function, no Callback", "observer")
def plain(params, context):
    return lambda progress: None


@breaks("recognises-nothing-odd", "of None it raises TypeError", "converter")
class Trusting(Reading):
    def recognise(self, tree):
        return "toy" in tree


@breaks("recognises-nothing-odd", "of {'state': 1} it returns True", "converter")
class Greedy(Reading):
    def recognise(self, tree):
        return isinstance(tree, dict) and "state" in tree
