// The frames of a slider are files. When a hand comes near it, they are fetched, those beside the one shown first, so
// that the slider answers at once; a reader who passes by fetches none of them. Paper shows every picture.

document.addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll(".vdsr-frames")) {
    const kinds = ["pointerenter", "touchstart", "focusin"];
    const fetchAll = () => {
      kinds.forEach((kind) => root.removeEventListener(kind, fetchAll));
      const { frames } = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
      const at = Math.max(0, frames.indexOf(null)); // the one that the page shows
      const near = frames.map((_, k) => k).sort((a, b) => Math.abs(a - at) - Math.abs(b - at));
      root.ahead = near.filter((k) => frames[k]).map((k) => Object.assign(new Image(), { src: frames[k] }));
    };
    kinds.forEach((kind) => root.addEventListener(kind, fetchAll, { passive: true }));
  }
});
addEventListener("beforeprint", () => {
  for (const picture of document.querySelectorAll('img[loading="lazy"]')) picture.loading = "eager";
});
