"use strict";
for (const node of document.querySelectorAll("[data-figure]")) {
  fetch(`/figure.json?name=${encodeURIComponent(node.dataset.figure)}`)
    .then((answer) => answer.json())
    .then((drawn) => Plotly.newPlot(node, drawn.data, drawn.layout, { displayModeBar: false, responsive: true }))
    .catch((error) => { node.textContent = `could not be drawn: ${error.message}`; });
}
