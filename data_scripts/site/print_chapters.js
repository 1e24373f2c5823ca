// MathML instead of each typeset formula, then the XHTML of each chapter.
globalThis.chapters = () => {
  for (const formula of document.querySelectorAll("mjx-container")) {
    const math = formula.querySelector("mjx-assistive-mml math");
    if (math) formula.replaceWith(math);
  }
  const writer = new XMLSerializer();
  return [...document.querySelectorAll("section.chapter")].map((chapter) => [
    chapter.dataset.name,
    chapter.dataset.title,
    writer.serializeToString(chapter),
  ]);
};
