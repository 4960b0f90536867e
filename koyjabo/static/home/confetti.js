/** Confetti that falls once over the page. */

const PIECES = 140;
const DURATION_MS = 3_200;
const FALL = 0.55, RISE = 0.75, SPREAD = 0.32; // heights of the window per second, and its width
const SIZE = 9; // px
const COLORS = ["--series-1", "--series-2", "--series-4", "--series-5", "--accent"];

/** @param {number} from  @param {number} to */
const between = (from, to) => from + Math.random() * (to - from);

/** Computed colours, because a token has a light and a dark value. @param {HTMLElement} element */
function colorsOf(element) {
  return COLORS.map((token) => {
    element.style.color = `var(${token})`;
    return getComputedStyle(element).color;
  });
}

/** @param {string[]} colors */
function piece(colors) {
  const side = Math.random() < 0.5 ? 0 : 1;
  return {
    x: side, y: 0.75, // from both sides
    across: (side ? -1 : 1) * between(0.05, SPREAD * 2), up: between(RISE * 0.8, RISE * 1.7),
    turn: between(-9, 9), tilt: between(3, 9), begins: between(0, 0.25),
    color: colors[Math.floor(Math.random() * colors.length)],
  };
}

/** @param {CanvasRenderingContext2D} context  @param {ReturnType<typeof piece>} piece  @param {number} seconds  @param {number} width  @param {number} height */
function draw(context, { x, y, across, up, turn, tilt, begins, color }, seconds, width, height) {
  const t = seconds - begins;
  if (t < 0) return;
  context.setTransform(1, 0, 0, 1, (x + across * t) * width, (y - up * t + FALL * t * t) * height);
  context.rotate(turn * t);
  context.scale(1, Math.cos(tilt * t)); // like tumbling paper
  context.fillStyle = color;
  context.fillRect(-SIZE / 2, -SIZE / 3, SIZE, (2 * SIZE) / 3);
}

export function fall() {
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  if (!context) return;
  canvas.className = "confetti";
  canvas.ariaHidden = "true";
  Object.assign(canvas, { width: innerWidth, height: innerHeight });
  document.body.append(canvas);
  const colors = colorsOf(canvas), pieces = Array.from({ length: PIECES }, () => piece(colors)), began = performance.now();
  const frame = () => {
    const ms = performance.now() - began;
    if (ms > DURATION_MS) return canvas.remove();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.globalAlpha = Math.min(1, (DURATION_MS - ms) / 600);
    for (const paper of pieces) draw(context, paper, ms / 1000, canvas.width, canvas.height);
    requestAnimationFrame(frame);
  };
  frame();
}
