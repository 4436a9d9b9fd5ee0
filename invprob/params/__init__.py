"""Parameters: one frozen pydantic model per component gives options, errors, schema and docs."""

from invprob.params.configurable import Configurable
from invprob.params.model import OperatorParams, Params
from invprob.params.spec import Spec, read_chain, read_spec

__all__ = ["Configurable", "OperatorParams", "Params", "Spec", "read_chain", "read_spec"]
