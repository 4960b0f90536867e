/** Shows the API reference with Swagger UI, in the theme of the page. */

const docs = document.querySelector("#docs");
if (docs && "SwaggerUIBundle" in window && typeof window.SwaggerUIBundle === "function") {
  const page = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => page.classList.toggle("dark-mode", page.dataset.theme ? page.dataset.theme === "dark" : system.matches);
  paint();
  system.addEventListener("change", paint);
  // Expands only the group of calls in the URL: with all calls and models, a slow phone takes half a minute.
  const few = { docExpansion: "none", defaultModelsExpandDepth: -1 };
  window.SwaggerUIBundle({ domNode: docs, url: docs.querySelector("a")?.href, deepLinking: true, ...few });
}

export {}; // a module
