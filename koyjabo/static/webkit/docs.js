/** Shows the API reference in the theme of the page, with Swagger UI. */

const docs = document.querySelector("#docs");
if (docs && "SwaggerUIBundle" in window && typeof window.SwaggerUIBundle === "function") {
  const page = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => page.classList.toggle("dark-mode", page.dataset.theme ? page.dataset.theme === "dark" : system.matches);
  paint();
  system.addEventListener("change", paint);
  // Shows only the calls of the group in the address: with all calls and models, a slow phone takes
  // half a minute.
  const few = { docExpansion: "none", defaultModelsExpandDepth: -1 };
  window.SwaggerUIBundle({ domNode: docs, url: docs.querySelector("a")?.href, deepLinking: true, ...few });
}

export {}; // a module
