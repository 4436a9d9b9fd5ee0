"use strict";

const $ = (id) => document.getElementById(id);
const picture = $("picture"), canvas = $("mask"), view = $("view"), stage = $("stage");
const pen = canvas.getContext("2d");
const COLOR = "#ff00c8";

let strokes = [], undone = [];     // a stroke: {size, erase, points: [[x, y], …]} in pixels, or "clear"
let stroke = null;                 // the one that is being drawn
let erasing = false, zoom = 1, fitted = true, saved = false, ready = false, changed = false;
let cursor = null;                 // where the brush is, in pixels of the picture
const fingers = new Map();         // pointers that are down
let space = false;

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

function size() {
  return Number($("size").value);
}

/* Drawing: strokes are kept as lines, so that any number of them is undone. */

function draw(line) {
  if (line === "clear") pen.clearRect(0, 0, canvas.width, canvas.height);
  // piece by piece, as it was drawn: soft edges add up
  else line.points.forEach((_, i) => piece(line, i));
}

function piece(line, i) {
  pen.globalCompositeOperation = line.erase ? "destination-out" : "source-over";
  pen.strokeStyle = pen.fillStyle = COLOR;
  pen.lineWidth = line.size;
  pen.lineCap = "round";
  pen.beginPath();
  if (i === 0) {
    pen.arc(...line.points[0], line.size / 2, 0, 2 * Math.PI);
    pen.fill();
  } else {
    pen.moveTo(...line.points[i - 1]);
    pen.lineTo(...line.points[i]);
    pen.stroke();
  }
}

function redraw() {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  strokes.forEach((line) => draw(line));
  buttons();
}

function begin(x, y) {
  stroke = {size: size(), erase: erasing, points: [[x, y]]};
  draw(stroke);
}

function extend(x, y) {
  stroke.points.push([x, y]);
  piece(stroke, stroke.points.length - 1);
}

function finish() {
  if (stroke === null) return;
  add(stroke);
  stroke = null;
}

function cancel() {
  stroke = null;
  redraw();
}

function add(line) {
  strokes.push(line);
  undone = [];
  changed = true;
  if (line === "clear") redraw();
  buttons();
}

function undo() {
  if (stroke !== null || strokes.length === 0) return;
  undone.push(strokes.pop());
  redraw();
}

function redo() {
  if (stroke !== null || undone.length === 0) return;
  strokes.push(undone.pop());
  redraw();
}

function buttons() {
  const off = saved || !ready;
  $("undo").disabled = off || strokes.length === 0;
  $("redo").disabled = off || undone.length === 0;
  $("clear").disabled = off || strokes.length === 0 || strokes.at(-1) === "clear";
  $("save").disabled = off || strokes.length === 0 || strokes.at(-1) === "clear";
  for (const id of ["paint", "erase", "size", "in", "out", "fit"]) $(id).disabled = off;
}

function mode(erase) {
  erasing = erase;
  $("erase").setAttribute("aria-pressed", String(erase));
  $("paint").setAttribute("aria-pressed", String(!erase));
}

function resize(pixels) {
  const range = $("size");
  range.value = Math.min(Number(range.max), Math.max(1, Math.round(pixels)));
  $("pixels").textContent = `${range.value} px`;
  place();
}

/* Zoom, and the ring that shows the brush. */

function show(factor, x, y) {
  // what is at (x, y) of the window stays there
  const box = stage.getBoundingClientRect();
  const u = (x - box.left) / box.width, v = (y - box.top) / box.height;
  zoom = Math.min(32, Math.max(0.02, factor));
  stage.style.width = `${canvas.width * zoom}px`;
  stage.style.height = `${canvas.height * zoom}px`;
  const now = stage.getBoundingClientRect();
  view.scrollLeft += now.left + u * now.width - x;
  view.scrollTop += now.top + v * now.height - y;
  picture.style.imageRendering = canvas.style.imageRendering = zoom > 3 ? "pixelated" : "auto";
  place();
}

function centre() {
  const box = view.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}

function fit() {
  const room = Math.min(
    (view.clientWidth - 16) / canvas.width, (view.clientHeight - 16) / canvas.height);
  show(Math.min(8, room), ...centre());
  fitted = true;
}

function step(by) {
  fitted = false;
  show(zoom * by, ...centre());
}

function place() {
  const ring = $("brush");
  ring.style.display = cursor === null || saved ? "none" : "block";
  if (cursor === null) return;
  ring.style.left = `${cursor[0] * zoom}px`;
  ring.style.top = `${cursor[1] * zoom}px`;
  ring.style.width = ring.style.height = `${Math.max(3, size() * zoom)}px`;
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  return [
    (event.clientX - box.left) * canvas.width / box.width,
    (event.clientY - box.top) * canvas.height / box.height,
  ];
}

/* Mouse, pen and touch: one pointer paints, two move the picture. */

canvas.addEventListener("pointerdown", (event) => {
  if (saved || !ready || event.button > 0) return;
  event.preventDefault();
  canvas.focus({preventScroll: true});
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  cursor = at(event);
  if (fingers.size === 1) begin(...cursor);
  else if (stroke !== null) cancel();
  place();
});

canvas.addEventListener("pointermove", (event) => {
  cursor = at(event);
  place();
  const before = fingers.get(event.pointerId);
  if (before === undefined) return;
  if (fingers.size > 1) {
    view.scrollLeft -= (event.clientX - before[0]) / fingers.size;
    view.scrollTop -= (event.clientY - before[1]) / fingers.size;
  } else if (stroke !== null) {
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) extend(...at(one));
  }
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
});

canvas.addEventListener("pointerup", (event) => {
  fingers.delete(event.pointerId);
  finish();
});

canvas.addEventListener("pointercancel", (event) => {
  fingers.delete(event.pointerId);
  cancel();
});

canvas.addEventListener("pointerleave", () => {
  if (fingers.size === 0 && document.activeElement !== canvas) cursor = null;
  place();
});

view.addEventListener("wheel", (event) => {
  if (!event.ctrlKey || !ready) return;
  event.preventDefault();
  fitted = false;
  show(zoom * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
}, {passive: false});

/* Keys. */

const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

function move(direction, fine) {
  const far = fine ? 1 : Math.max(1, size() / 4);
  const [x, y] = cursor ?? [canvas.width / 2, canvas.height / 2];
  cursor = [
    Math.min(canvas.width, Math.max(0, x + direction[0] * far)),
    Math.min(canvas.height, Math.max(0, y + direction[1] * far)),
  ];
  if (space && stroke !== null) extend(...cursor);
  place();
}

document.addEventListener("keydown", (event) => {
  if (saved || !ready) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const command = event.ctrlKey || event.metaKey;
  if (command) {
    if (key === "z" && event.shiftKey || key === "y") redo();
    else if (key === "z") undo();
    else if (key === "s") save();
    else return;
    event.preventDefault();
    return;
  }
  if (event.altKey) return;
  const onMask = document.activeElement === canvas;
  if (onMask && key in MOVES) move(MOVES[key], event.shiftKey);
  else if (onMask && key === " ") {
    if (!space && stroke === null) {
      space = true;
      cursor = cursor ?? [canvas.width / 2, canvas.height / 2];
      begin(...cursor);
      place();
    }
  }
  else if (key === "[") resize(Math.min(size() - 1, size() / 1.25));
  else if (key === "]") resize(Math.max(size() + 1, size() * 1.25));
  else if (key === "e") mode(true);
  else if (key === "p" || key === "b") mode(false);
  else if (key === "f" || key === "0") fit();
  else if (key === "+" || key === "=") step(1.25);
  else if (key === "-") step(0.8);
  else if (key === "Delete") { if (!$("clear").disabled) add("clear"); }
  else return;
  event.preventDefault();
});

document.addEventListener("keyup", (event) => {
  if (event.key !== " " || !space) return;
  space = false;
  finish();
});

canvas.addEventListener("blur", () => {
  if (space) finish();
  space = false;
});

/* Save. */

async function save() {
  if ($("save").disabled) return;
  $("save").disabled = true;
  say("Saving …");
  try {
    const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (png === null) throw new Error("the browser cannot make a picture of this size");
    const answer = await fetch(
      "mask", {method: "POST", body: png, headers: {"Content-Type": "image/png"}});
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    saved = true;
    changed = false;
    say(`${text[0].toUpperCase()}${text.slice(1)}. You can close this page.`);
  } catch (error) {
    say(`Not saved: ${error.message}.`, true);
  }
  buttons();
  place();
}

$("paint").onclick = () => mode(false);
$("erase").onclick = () => mode(true);
$("size").oninput = () => resize(size());
$("undo").onclick = undo;
$("redo").onclick = redo;
$("clear").onclick = () => add("clear");
$("in").onclick = () => step(1.25);
$("out").onclick = () => step(0.8);
$("fit").onclick = fit;
$("save").onclick = save;
new ResizeObserver(() => { if (ready && fitted) fit(); }).observe(view);
window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

function start() {
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const short = Math.min(canvas.width, canvas.height);
  $("size").max = Math.max(20, Math.round(short / 3));
  ready = true;
  resize(Math.max(3, short / 40));
  fit();
  buttons();
  say(`${canvas.width}×${canvas.height} pixels. Paint over what is missing.`);
}

buttons();
if (picture.complete && picture.naturalWidth) start();
else picture.addEventListener("load", start);
picture.addEventListener("error", () => say("The picture cannot be shown.", true));
