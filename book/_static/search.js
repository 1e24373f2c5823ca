// What a search quotes is the page's text: neither its table of contents, nor its buttons, nor folded code.

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return; // only the page of results has it
  const before = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const text = page.querySelector("article");
    if (!text) return before(html, anchor);
    text
      .querySelectorAll(".headerlink, script, style, .fold, .vdsr-frames, .gallery-names, button, mjx-assistive-mml")
      .forEach((element) => element.remove());
    return ((anchor && text.querySelector(anchor)) || text).textContent.replace(/\s+/g, " ");
  };
});
