// Sets up every drawing with sliders or buttons that is not set up yet, so it may stand on a page any number of times.
document.querySelectorAll(".vdsr-frames:not([data-ready])").forEach(function (root) {
  root.dataset.ready = "1";
  var data = JSON.parse(root.querySelector("script").textContent);
  var img = root.querySelector("img");
  var out = root.querySelector("output");
  var first = img.getAttribute("src");
  var choices = Array.prototype.slice.call(root.querySelectorAll(".slider, fieldset"));
  function show() {
    var k = 0;
    choices.forEach(function (choice, i) {
      var slider = choice.querySelector("input[type=range]");
      var at = Number((slider || choice.querySelector("input:checked")).value);
      k = k * data.words[i].length + at;
      if (!slider) return;
      slider.setAttribute("aria-valuetext", data.words[i][at]);
      slider.nextElementSibling.textContent = data.words[i][at];
    });
    img.src = data.frames[k] || first;
    img.alt = data.alts[k];
    out.textContent = data.alts[k];
  }
  choices.forEach(function (choice) {
    choice.addEventListener("input", show);
  });
  show();
});
