// Says when the page has lost its server, since a list that silently stands still looks like a quiet night.
const notice = document.getElementById("connection");
const tell = (lost) => { notice.hidden = !lost; };
document.body.addEventListener("htmx:sendError", () => tell(true));
document.body.addEventListener("htmx:responseError", () => tell(true));
document.body.addEventListener("htmx:timeout", () => tell(true));
document.body.addEventListener("htmx:afterOnLoad", () => tell(false));
