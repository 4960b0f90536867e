/** A router by hand: links and the browser's buttons change the body without loading, `?fade` in view transitions. */
const isFading = location.search === "?fade";

async function show() {
  const text = await (await fetch(location.pathname)).text();
  const change = () => {
    document.body.innerHTML = text;
  };
  if (isFading) document.startViewTransition(change);
  else change();
}

addEventListener("popstate", show);
addEventListener("click", (event) => {
  event.preventDefault();
  history.pushState({}, "", event.target.href);
  void show();
});
