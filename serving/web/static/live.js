// Says when the page has lost its server, since a list that silently stands still looks like a quiet night.
const notice = document.getElementById("connection");
const tell = (lost) => { notice.hidden = !lost; };
document.body.addEventListener("htmx:sendError", () => tell(true));
document.body.addEventListener("htmx:responseError", () => tell(true));
document.body.addEventListener("htmx:timeout", () => tell(true));
document.body.addEventListener("htmx:afterOnLoad", () => tell(false));
// A list with data-live asks again when the server says that something came, but never under the hands of somebody who
// is filling in a form on it.
for (const list of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(list.dataset.live);
  let waiting = false;
  const ask = () => {
    waiting = list.querySelector("details[open]") !== null;
    if (!waiting) { htmx.trigger(list, "told"); }
  };
  source.addEventListener("change", ask);
  source.addEventListener("open", () => tell(false));
  source.addEventListener("error", () => tell(source.readyState === EventSource.CLOSED));
  list.addEventListener("toggle", () => { if (waiting) { ask(); } }, true);
  window.addEventListener("pagehide", () => source.close());
}
