// Swagger UI, with the URL of the API description from the page.

{
  const docs = document.querySelector("#docs");
  if (docs instanceof HTMLElement && "SwaggerUIBundle" in window && typeof window.SwaggerUIBundle === "function") {
    // Drawn are only the calls of the group that the address names: all of them, and all models, take a slow phone half a minute.
    const few = { docExpansion: "none", defaultModelsExpandDepth: -1 };
    window.SwaggerUIBundle({ domNode: docs, url: docs.dataset.description, deepLinking: true, ...few });
  }
}

export {}; // a module
