"use strict";
const { keys, figures, columns } = data;
const count = columns[figures[0]].length;
const NONE = "the same for all";

// The worse of two values of a figure has the larger cost.
function cost(name, index) {
  const value = columns[name][index];
  return data.higher.includes(name) ? -value : value;
}

// Return the points that no other one beats in one figure without being worse in the other.
function front(x, y) {
  const order = [...Array(count).keys()].filter(
    (index) => columns[x][index] !== null && columns[y][index] !== null);
  order.sort((a, b) => cost(x, a) - cost(x, b) || cost(y, a) - cost(y, b));
  const found = [];
  let least = Infinity;
  for (const index of order) {
    if (cost(y, index) < least) {
      least = cost(y, index);
      found.push(index);
    }
  }
  return found;
}

function command(index) {
  const settings = keys.map((key) => `--set ${quoted(`${key}=${columns[key][index]}`)}`);
  return [data.command, ...settings].join(" ");
}

// Quote a word for a shell, where that is needed.
function quoted(word) {
  return /^[\w.=+:/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function hover(index, chosen) {
  const line = (name) => `${name} = ${columns[name][index].toLocaleString("en")}`;
  return [...keys, ...new Set(chosen.filter((name) => figures.includes(name)))].map(line).join("<br>");
}

function sizes(name) {
  if (name === NONE) return 7;
  const values = columns[name], least = Math.min(...values), most = Math.max(...values);
  return values.map((value) => 5 + 15 * (most > least ? (value - least) / (most - least) : 0));
}

function chosen() {
  return Object.fromEntries(["x", "y", "size", "colour"].map(
    (use) => [use, document.getElementById(use).value]));
}

function draw() {
  const { x, y, size, colour } = chosen();
  const indices = [...Array(count).keys()];
  const best = front(x, y);
  const cloud = {
    type: "scatter", mode: "markers", name: "accelerators", x: columns[x], y: columns[y],
    customdata: indices, text: indices.map((index) => hover(index, [x, y, size, colour])),
    hoverinfo: "text",
    marker: { size: sizes(size), opacity: 0.75, color: colour === NONE ? "#0072B2" : columns[colour],
      colorscale: "Viridis", showscale: colour !== NONE, colorbar: { title: { text: colour, side: "right" } } },
  };
  const line = {
    type: "scatter", mode: "lines+markers", name: "front", hoverinfo: "skip",
    x: best.map((index) => columns[x][index]), y: best.map((index) => columns[y][index]),
    line: { color: "#D55E00", width: 1.5 }, marker: { symbol: "circle-open", size: 11, color: "#D55E00" },
  };
  const axis = (name) => ({ title: { text: name }, automargin: true, gridcolor: "#dde3e9" });
  Plotly.react("points", [cloud, line], {
    xaxis: axis(x), yaxis: axis(y), hovermode: "closest", showlegend: false,
    margin: { t: 10, r: 10 }, plot_bgcolor: "#fff",
  }, { responsive: true, displaylogo: false });
}

function choice(use, title, names, value) {
  const label = document.createElement("label"), select = document.createElement("select");
  label.append(`${title} `, select);
  select.id = use;
  for (const name of names) select.append(new Option(name, name, name === value, name === value));
  select.addEventListener("change", draw);
  document.getElementById("choices").append(label);
}

const numeric = keys.filter((key) => columns[key].every((value) => typeof value === "number"));
choice("x", "across", [...figures, ...numeric], data.chosen[0]);
choice("y", "up", [...figures, ...numeric], data.chosen[1]);
choice("size", "size", [NONE, ...figures, ...numeric], NONE);
choice("colour", "colour", [NONE, ...figures, ...numeric], numeric[0] ?? NONE);
draw();
document.getElementById("points").on("plotly_click", (event) => {
  const index = event.points[0].customdata;
  if (index !== undefined) document.getElementById("command").textContent = command(index);
});
