// A room. What others wrote is only ever put into the page as text.

const { talk, door, room, name } = document.body.dataset;
const [state, messages, newer, here] = ["state", "messages", "newer", "here"].map((id) => document.getElementById(id));
const form = document.getElementById("say");
const text = document.getElementById("text");
const title = document.title;
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const NO_NAME = 4401;

let socket;
let tries = 0;
let unread = 0;
let again;

// The connection

function connect() {
  clearTimeout(again);
  const url = new URL(talk);
  url.protocol = location.protocol.replace("http", "ws"); // As the browser sees it, behind a proxy too.
  socket = new WebSocket(url);
  socket.addEventListener("open", () => { tries = 0; say("live", "Connected"); });
  socket.addEventListener("message", ({ data }) => hear(JSON.parse(data)));
  socket.addEventListener("close", ({ code }) => {
    if (code === NO_NAME) return location.assign(door);
    say("waiting", "Connection lost; trying again…");
    // Longer each time, and not all pages at once.
    again = setTimeout(connect, Math.min(15_000, 500 * 2 ** tries) * (0.5 + Math.random() / 2));
    tries += 1;
  });
}

function say(name, words) {
  state.dataset.state = name;
  state.textContent = words;
  form.querySelector("button").disabled = name !== "live";
}

function hear({ history, said, came, left, here }) {
  const follow = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80;
  if (history) history.forEach(show);
  if (said && show(said) && said.name !== name && document.hidden) document.title = `(${(unread += 1)}) ${title}`;
  if (came) note(`${came} came in`);
  if (left) note(`${left} left`);
  if (here) showWhoIsWhere(here);
  if (follow || said?.name === name) messages.scrollTop = messages.scrollHeight;
  else if (said) newer.hidden = false;
}

addEventListener("online", () => socket.readyState > WebSocket.OPEN && connect());
// A browser may keep a page that was left, and its connection with it.
addEventListener("pagehide", () => socket.close());
addEventListener("pageshow", ({ persisted }) => persisted && connect());
// The server takes who is silent for gone.
setInterval(() => socket.readyState === WebSocket.OPEN && socket.send(""), 20_000);

// What is shown

function make(kind, className, content) {
  const element = document.createElement(kind);
  if (className) element.className = className;
  element.append(content ?? "");
  return element;
}

function face(of) {
  const circle = make("span", "face", [...of][0].toUpperCase());
  const hue = [...of].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  circle.style.setProperty("--hue", hue);
  circle.ariaHidden = "true";
  return circle;
}

function show({ id, name: from, text, at }) {
  if (document.getElementById(id)) return false; // Said before the connection was lost.
  const date = new Date(at * 1000);
  const previous = messages.lastElementChild;
  const line = make("li", from === name ? "own" : "");
  const time = make("time", "", clock.format(date));
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  line.id = id;
  line.dataset.name = from;
  line.dataset.at = at;
  if (previous?.dataset.name === from && at - previous.dataset.at < 300) line.classList.add("more");
  else line.append(face(from), make("b", "", from));
  const words = make("span", "", text);
  words.dir = "auto";
  const bubble = make("p", "", words);
  bubble.append(time);
  line.append(bubble);
  messages.append(line);
  return true;
}

function note(words) {
  messages.append(make("li", "note", words));
}

function showWhoIsWhere(rooms) {
  for (const [key, names] of Object.entries(rooms)) {
    document.querySelector(`[data-of=${key}] span`).textContent = names.length || "";
  }
  here.replaceChildren(...rooms[room].map((one) => {
    const line = make("li", "", face(one));
    line.append(make("span", "", one));
    return line;
  }));
}

// What is written

function grow() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!text.value.trim() || socket.readyState !== WebSocket.OPEN) return;
  socket.send(text.value);
  text.value = "";
  grow();
  text.focus();
});
text.addEventListener("input", grow);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
newer.addEventListener("click", () => { messages.scrollTop = messages.scrollHeight; });
messages.addEventListener("scroll", () => {
  if (messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80) newer.hidden = true;
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  document.title = title;
});

connect();
