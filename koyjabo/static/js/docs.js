// Swagger UI, with the URL of the API description from the page.

const place = document.querySelector("#docs");
if (place instanceof HTMLElement && "SwaggerUIBundle" in window && typeof window.SwaggerUIBundle === "function") {
  window.SwaggerUIBundle({ domNode: place, url: place.dataset.description, deepLinking: true });
}
