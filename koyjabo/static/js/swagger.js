// Swagger UI, with the URL of the API description from the page.

{
  const docs = document.querySelector("#docs");
  if (docs instanceof HTMLElement && "SwaggerUIBundle" in window && typeof window.SwaggerUIBundle === "function") {
    window.SwaggerUIBundle({ domNode: docs, url: docs.dataset.description, deepLinking: true });
  }
}

export {}; // a module
