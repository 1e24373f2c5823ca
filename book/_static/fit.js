// What is wider than the page scrolls by itself, shows at its edges that it does, and is a tab stop only then.
// A formula is made a little smaller first. Tables of words become cards on a phone (fit.css).

document.addEventListener("DOMContentLoaded", () => {
  const WORDY = 28; // characters of a cell that would be a column of single words on a phone
  const LOOSE = 20; // of one that may wrap where the table has no room
  const SENTENCE = 40; // of one that wraps on a desk, too
  const SMALLEST = 0.7; // of a formula's size

  for (const table of document.querySelectorAll("article table")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    const rows = [...table.querySelectorAll("tbody tr")];
    let wordy = false;
    for (const { cells } of rows) {
      [...cells].slice(1).forEach((cell, k) => {
        const text = cell.textContent.trim();
        const spaced = /\s/.test(text);
        if (spaced && text.length > LOOSE) cell.classList.add("loose");
        if (text.length <= WORDY) return;
        wordy ||= spaced;
        // A sum such as SHA-256 is one word.
        if (spaced && text.length <= SENTENCE) return;
        cell.classList.add(spaced ? "words" : "name");
        if (spaced) table.querySelectorAll("thead th")[k + 1]?.classList.add("words");
      });
    }
    if (!heads.length || !wordy) continue;
    table.classList.add("wordy");
    // Shown as blocks, a table is none for a screen reader, unless it is told.
    table.setAttribute("role", "table");
    table.querySelectorAll("tr").forEach((row) => row.setAttribute("role", "row"));
    table.querySelectorAll("thead th").forEach((head) => head.setAttribute("role", "columnheader"));
    for (const { cells } of rows) {
      [...cells].forEach((cell, k) => {
        cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
        cell.dataset.label = heads[k] ?? "";
        const text = cell.textContent.trim();
        if (!text) cell.classList.add("blank");
        // A number alone does not say what the row is.
        if (k === 0 && /^\d+$/.test(text)) cell.classList.add("number");
      });
    }
  }

  function edges(box) {
    const room = box.scrollWidth - box.clientWidth;
    const sides = room > 1 ? [box.scrollLeft > 1 && "left", box.scrollLeft < room - 1 && "right"].filter(Boolean) : [];
    if (sides.length) box.dataset.more = sides.join(" ");
    else delete box.dataset.more;
    if (box.matches("pre")) return; // the theme does it
    if (room > 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }

  const sizes = new Map();
  function fit(box) {
    if (box.matches("mjx-container")) {
      if (!sizes.has(box)) sizes.set(box, parseFloat(getComputedStyle(box).fontSize)); // MathJax fits it to the text
      box.style.fontSize = `${sizes.get(box)}px`;
      const share = box.clientWidth / box.scrollWidth;
      // A little less, since what is measured is in whole pixels.
      if (share < 1) box.style.fontSize = `${Math.max(SMALLEST, 0.98 * share) * sizes.get(box)}px`;
    }
    edges(box);
  }

  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(target)));
  function watch(selector) {
    for (const box of document.querySelectorAll(selector)) {
      box.addEventListener("scroll", () => edges(box), { passive: true });
      resized.observe(box);
    }
  }
  watch("article .pst-scrollable-table-container, article .vdsr-gallery, article .highlight pre");
  window.MathJax?.startup?.promise?.then(() => watch('article mjx-container[display="true"]'));
});
