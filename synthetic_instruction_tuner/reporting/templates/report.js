"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    const colours = { "@ink": read("--ink"), "@pale": read("--pale"), "@muted": read("--soft") };
    for (let index = 0; index < 8; index += 1) colours[`@${index}`] = read(`--c${index}`);
    return { colours, ink: read("--ink"), soft: read("--soft"), line: read("--line"), card: read("--card") };
  };
  const dress = (value, colours) => {
    if (Array.isArray(value)) return value.map((one) => dress(one, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, dress(one, colours)]));
    }
    return typeof value === "string" && value in colours ? colours[value] : value;
  };
  const draw = () => {
    const now = theme();
    const axis = { gridcolor: now.line, linecolor: now.line, tickcolor: now.line, automargin: true, fixedrange: true };
    for (const node of document.querySelectorAll("[data-chart]")) {
      const chart = dress(charts[node.dataset.chart], now.colours);
      const layout = {
        ...chart.layout,
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: "system-ui, sans-serif", size: 13, color: now.ink },
        margin: { l: 10, r: 24, t: 8, b: 48 },
        dragmode: false,
        hoverlabel: { bgcolor: now.card, bordercolor: now.line, font: { color: now.ink } },
        legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, font: { size: 12 } },
        xaxis: { ...axis, ...chart.layout.xaxis },
        yaxis: { ...axis, ...chart.layout.yaxis },
      };
      for (const one of [layout.xaxis, layout.yaxis]) {
        if (one.title) one.title = { ...one.title, font: { size: 12, color: now.soft }, standoff: 12 };
      }
      if (layout.showlegend) layout.margin.b = 92;
      Plotly.react(node, chart.data, layout, { displayModeBar: false, responsive: true });
    }
  };
  const mark = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      const wider = box.scrollWidth > box.clientWidth + 1;
      box.classList.toggle("wider", wider);
      if (wider) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  draw();
  mark();
  addEventListener("resize", mark);
  addEventListener("toggle", mark, true);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
