(function () {
  "use strict";
  var SVG = document.querySelector("svg").namespaceURI;
  function make(name, attributes, text) {
    var e = document.createElementNS(SVG, name);
    for (var key in attributes) e.setAttribute(key, attributes[key]);
    if (text !== undefined) e.textContent = text;
    return e;
  }
  function grouped(n) {
    return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  }
  document.querySelectorAll(".views").forEach(function (views) {
    var panes = Array.from(views.querySelectorAll("svg.pane"));
    if (panes.length === 0) return;
    var cycles = Number(panes[0].dataset.cycles), plot = Number(panes[0].dataset.plot), from = 0, to = cycles, bars = [];
    panes.forEach(function (pane) {
      pane.querySelectorAll("g.bar").forEach(function (g) {
        var rect = g.querySelector("rect"), tip = g.querySelector("title").textContent;
        bars.push({
          g: g, rect: rect, text: g.querySelector("text"), name: tip.slice(0, tip.lastIndexOf(": ")),
          n: g.dataset.n || "", mute: g.classList.contains("reads"), a: Number(g.dataset.a), b: Number(g.dataset.b), y: Number(rect.getAttribute("y")), h: Number(rect.getAttribute("height"))
        });
      });
    });
    function label(bar, left, width) {
      var room = bar.h >= 11 && !bar.mute ? Math.floor((width - 7) / 6.3) : 0, name = (bar.n + " " + bar.name).trim();
      if (name.length > room) name = room >= bar.n.length + 6 ? name.slice(0, room - 1) + "…" : room >= bar.n.length ? bar.n : "";
      if (name === "") {
        if (bar.text) bar.text.style.display = "none";
        return;
      }
      if (!bar.text) {
        bar.text = make("text", { y: bar.y + bar.h / 2 + 4 });
        bar.g.appendChild(bar.text);
      }
      bar.text.style.display = "";
      bar.text.textContent = name;
      bar.text.setAttribute("x", left + 4);
    }
    function ticks() {
      var rough = (to - from) / 8, power = Math.pow(10, Math.floor(Math.log10(rough)));
      var step = Math.max(1, [1, 2, 5, 10].map(function (m) { return m * power; }).find(function (s) { return s >= rough; }));
      panes.forEach(function (pane) {
        var g = pane.querySelector("g.ticks"), height = Number(pane.dataset.height);
        g.textContent = "";
        for (var t = Math.ceil(from / step) * step; t <= to; t += step) {
          var x = (t - from) * plot / (to - from);
          g.appendChild(make("line", { x1: x, x2: x, y1: 0, y2: height }));
          g.appendChild(make("text", { x: x, y: height + 16 }, grouped(t)));
        }
      });
    }
    function draw() {
      var scale = plot / (to - from);
      bars.forEach(function (bar) {
        var x = (bar.a - from) * scale, w = Math.max((Math.min(bar.b, cycles) - bar.a) * scale, 0.6);
        var left = Math.max(x, -2), right = Math.min(x + w, plot + 2);
        bar.g.style.display = left > right ? "none" : "";
        if (left > right) return;
        bar.rect.setAttribute("x", left);
        bar.rect.setAttribute("width", right - left);
        label(bar, Math.max(left, 0), Math.min(right, plot) - Math.max(left, 0));
      });
      ticks();
      views.classList.toggle("zoomed", to - from < cycles);
    }
    function view(a, width) {
      width = Math.min(cycles, Math.max(Math.min(20, cycles), width));
      from = Math.min(Math.max(0, a), cycles - width);
      to = from + width;
      draw();
    }
    function zoom(factor, share) {
      var at = from + (to - from) * share, width = (to - from) * factor;
      view(at - width * share, width);
    }
    function share(pane, event) {
      var box = pane.getBoundingClientRect();
      var unit = box.width / Number(pane.getAttribute("viewBox").split(" ")[2]);
      var left = box.left + Number(pane.querySelector("svg.plot").getAttribute("x")) * unit;
      return Math.min(1, Math.max(0, (event.clientX - left) / (plot * unit)));
    }
    var bar = views.querySelector(".zoom");
    function button(text, name, act) {
      var b = document.createElement("button");
      b.type = "button";
      b.textContent = text;
      b.title = name;
      b.setAttribute("aria-label", name);
      b.addEventListener("click", act);
      bar.appendChild(b);
    }
    button("+", "zoom in", function () { zoom(0.5, 0.5); });
    button("−", "zoom out", function () { zoom(2, 0.5); });
    button("←", "earlier", function () { view(from - (to - from) / 2, to - from); });
    button("→", "later", function () { view(from + (to - from) / 2, to - from); });
    button("all", "the whole run", function () { view(0, cycles); });
    var hint = document.createElement("span");
    hint.textContent = "double-click or Ctrl + wheel zooms, dragging moves; the memories follow";
    bar.appendChild(hint);
    views.classList.add("live");
    panes.forEach(function (pane) {
      var held = null;
      pane.addEventListener("dblclick", function (e) { e.preventDefault(); zoom(0.4, share(pane, e)); });
      pane.addEventListener("wheel", function (e) {
        if (!e.ctrlKey && !e.metaKey) return;
        e.preventDefault();
        zoom(e.deltaY > 0 ? 1.25 : 0.8, share(pane, e));
      }, { passive: false });
      pane.addEventListener("pointerdown", function (e) {
        if (to - from >= cycles) return;
        held = { x: share(pane, e), from: from };
        pane.setPointerCapture(e.pointerId);
      });
      pane.addEventListener("pointermove", function (e) {
        if (held) view(held.from + (held.x - share(pane, e)) * (to - from), to - from);
      });
      ["pointerup", "pointercancel"].forEach(function (name) {
        pane.addEventListener(name, function () { held = null; });
      });
    });
    window.addEventListener("beforeprint", function () { view(0, cycles); });
  });
})();
