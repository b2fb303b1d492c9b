// Shows the events of the cellar. The browser itself connects again when the connection is lost,
// and tells which event it had last.

const { events, full, dry } = document.body.dataset;
const state = document.querySelector("#state");
const journal = document.querySelector("#journal");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const traces = new Map();

function say(name, text) {
  if (state.dataset.state === name) return;
  state.dataset.state = name;
  state.textContent = text;
}

function show({ number, bubbles, gravity }) {
  const card = document.querySelector(`#carboy-${number}`);
  const put = (name) => card.querySelector(`[data-show=${name}]`);
  const trace = traces.get(number) ?? [];
  trace.push(bubbles);
  traces.set(number, trace.slice(-60));
  put("rate").textContent = bubbles * 60;
  put("gravity").textContent = gravity.toFixed(3);
  put("sugar").value = (gravity - dry) / (full - dry);
  const step = 120 / 59;
  card.querySelector(".trace polyline").setAttribute(
    "points",
    traces.get(number).map((value, at) => `${at * step},${30 - Math.min(value, 20) * 1.4}`).join(" "),
  );
  if (!still.matches && !document.hidden) rise(card.querySelector(".bubbles"), bubbles);
}

function rise(group, count) {
  for (let i = 0; i < count; i += 1) {
    const bubble = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    const size = 0.8 + Math.random() * 1.8;
    bubble.setAttribute("cx", 20 + Math.random() * 60);
    bubble.setAttribute("cy", 128);
    bubble.setAttribute("r", size);
    bubble.style.animationDelay = `${Math.random()}s`;
    bubble.style.animationDuration = `${2.6 - size / 2}s`;
    bubble.addEventListener("animationend", () => bubble.remove());
    group.append(bubble);
  }
}

function note({ number, name }) {
  journal.querySelector(".none")?.remove();
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString()}: somebody stirred the ${name}.`;
  journal.prepend(line);
  while (journal.children.length > 6) journal.lastElementChild.remove();
  const card = document.querySelector(`#carboy-${number}`);
  card.classList.remove("stirred");
  void card.offsetWidth; // So that the animation begins anew.
  card.classList.add("stirred");
}

const source = new EventSource(events);
source.addEventListener("open", () => say("live", "Live"));
source.addEventListener("error", () => say("waiting", "Connection lost; trying again…"));
source.addEventListener("breath", (event) => JSON.parse(event.data).forEach(show));
source.addEventListener("stirred", (event) => note(JSON.parse(event.data)));

document.addEventListener("click", (event) => {
  const { stir } = event.target.dataset;
  if (stir) fetch(stir, { method: "POST" });
});
