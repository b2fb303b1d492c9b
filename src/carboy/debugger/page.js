"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, className, text = "") =>
    Object.assign(document.createElement(name), { className, textContent: text });

  for (const element of all("button[hidden]")) element.hidden = false;

  // Say something for a moment.

  const said = document.getElementById("said");
  let silence;
  const say = (text) => {
    said.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => (said.textContent = ""), 2500);
  };

  // Copying

  const copy = async (form) => {
    try {
      await navigator.clipboard.writeText(data[form]);
    } catch {
      // Without HTTPS, browsers offer the clipboard for this machine only.
      const area = make("textarea", "");
      area.value = data[form];
      document.body.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      if (!copied) return say("The browser does not allow to copy");
    }
    say(form === "text" ? "Copied as text" : "Copied as Markdown");
  };
  for (const button of all("[data-copy]"))
    button.addEventListener("click", () => copy(button.dataset.copy));

  // Keys

  const keys = document.getElementById("keys");
  document.getElementById("keys-button").addEventListener("click", () => (keys.hidden = !keys.hidden));
  const frames = () => all(".frame > summary").filter((summary) => summary.checkVisibility());
  const current = () => document.activeElement?.closest(".frame");
  const step = (by) => {
    const list = frames();
    const at = list.findIndex((summary) => summary.parentElement === current());
    const next = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + by, 0), list.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const toggle = (details) => details && (details.open = !details.open);
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    v: () => {
      const frame = current();
      if (frame) {
        frame.open = true;
        toggle(frame.querySelector(".variables"));
      }
    },
    l: () => {
      const folds = all(".fold");
      const open = folds.some((fold) => !fold.open);
      for (const fold of folds) fold.open = open;
    },
    e: () => current()?.querySelector(".editor")?.click(),
    x: () => (current() || document.querySelector(".frame[open]"))?.querySelector(".open-console")?.click(),
    c: () => copy("text"),
    m: () => copy("markdown"),
    "?": () => (keys.hidden = !keys.hidden),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea, input")) return;
    const action = actions[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });

  // Where there is little room, show the part of the line that is marked.
  const showMarks = () => {
    for (const mark of all(".current .mark")) {
      const source = mark.closest(".source");
      const end = mark.offsetLeft + mark.offsetWidth - source.offsetLeft;
      if (end > source.clientWidth) source.scrollLeft = end - source.clientWidth + 24;
    }
  };
  showMarks();
  addEventListener("resize", showMarks);

  // The console

  const offer = data.console;
  if (!offer) return;
  // Neither is stored: the application's own pages could read the token, and put words into the history.
  const history = [];
  let token = "";

  const ask = async (action, frame, source) => {
    // It could read the secret on its way.
    if (navigator.serviceWorker?.controller)
      throw new Error("A service worker of this origin could listen. Shift+Reload goes past it.");
    const send = () =>
      fetch(offer.url + action, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-Debugger-Secret": offer.secret,
          ...(token && { "X-Debugger-Token": token }),
        },
        body: JSON.stringify({ failure: offer.failure, frame, source }),
      });
    let response = await send();
    if (response.status === 401 && action === "evaluate") {
      token = (prompt("The token that the server printed in the terminal:") || "").trim();
      if (token) response = await send();
      if (!response.ok) token = "";
    }
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    return answer;
  };

  // Whether Python would wait for more: an open bracket, quotes, or a block that no empty line ends.
  const isUnfinished = (source) => {
    const bare = source.replace(/("""|''')[\s\S]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#.*/g, "0");
    if (/"""|'''/.test(bare)) return true;
    let depth = 0;
    for (const character of bare) {
      if ("([{".includes(character)) depth += 1;
      if (")]}".includes(character)) depth -= 1;
    }
    if (depth > 0 || /\\$/.test(bare)) return true;
    const lines = bare.split("\n");
    const isBlock = lines.some((line) => /:\s*$/.test(line)) || /^\s*@/.test(bare);
    return isBlock && lines[lines.length - 1].trim() !== "";
  };

  const open = (button) => {
    const inside = button.closest(".inside");
    const existing = inside.querySelector(".console");
    if (existing) return existing.querySelector("textarea").focus();
    const frame = Number(button.dataset.frame);
    const box = make("div", "console");
    const log = make("div", "log");
    const names = make("div", "names");
    const prompt = make("label", "prompt");
    const area = make("textarea", "");
    Object.assign(area, { rows: 1, spellcheck: false, autocomplete: "off", autocapitalize: "off" });
    area.setAttribute("aria-label", "Python, in the variables of this frame");
    log.setAttribute("aria-live", "polite");
    prompt.append(area);
    box.append(log, names, prompt);
    button.closest(".tools").after(box);

    let at = history.length;
    const fit = () => {
      area.rows = area.value.split("\n").length;
      names.textContent = "";
    };
    const put = (text, className) => {
      if (text) log.append(make("div", className, text.replace(/\n$/, "")));
      log.scrollTop = log.scrollHeight;
    };
    const set = (text) => {
      area.value = text;
      fit();
    };
    const evaluate = async () => {
      const source = area.value;
      if (!source.trim()) return;
      history.push(source);
      at = history.length;
      put(source.trimEnd().split("\n").map((line, i) => (i ? "... " : ">>> ") + line).join("\n"), "typed");
      set("");
      prompt.classList.add("busy");
      try {
        put((await ask("evaluate", frame, source)).output, "output");
      } catch (error) {
        put(error.message || "The server does not answer.", "refused");
      }
      prompt.classList.remove("busy");
    };
    const complete = async () => {
      const before = area.value.slice(0, area.selectionStart);
      const word = /[\w.]*$/.exec(before)[0];
      let found;
      try {
        found = (await ask("complete", frame, word)).names;
      } catch (error) {
        names.textContent = error.message;
        return;
      }
      if (!found.length) return;
      let common = found[0];
      for (const name of found) while (!name.startsWith(common)) common = common.slice(0, -1);
      area.setRangeText(common, before.length - word.length, before.length, "end");
      fit();
      if (found.length > 1) names.textContent = found.map((name) => name.split(".").pop()).join("  ");
    };
    const indent = () => area.setRangeText("    ", area.selectionStart, area.selectionEnd, "end");

    area.addEventListener("input", fit);
    area.addEventListener("keydown", (event) => {
      const { key, shiftKey } = event;
      const isOneLine = !area.value.includes("\n");
      const before = area.value.slice(0, area.selectionStart);
      if (key === "Enter" && !shiftKey && !isUnfinished(area.value)) {
        event.preventDefault();
        evaluate();
      } else if (key === "Enter") {
        event.preventDefault();
        const line = before.split("\n").pop();
        area.setRangeText("\n" + /^\s*/.exec(line)[0] + (/:\s*$/.test(line) ? "    " : ""), area.selectionStart, area.selectionEnd, "end");
        fit();
      } else if (key === "Tab" && !shiftKey && area.value) {
        event.preventDefault();
        if (/[\w.]$/.test(before)) complete();
        else indent();
      } else if ((key === "ArrowUp" && (isOneLine || !before.includes("\n"))) || (key === "ArrowDown" && isOneLine)) {
        event.preventDefault();
        at = Math.min(Math.max(at + (key === "ArrowUp" ? -1 : 1), 0), history.length);
        set(history[at] || "");
      } else if (key === "Escape") {
        area.value ? set("") : button.closest(".frame").querySelector("summary").focus();
      }
    });
    box.addEventListener("click", () => getSelection().isCollapsed && area.focus());
    area.focus();
  };
  for (const button of all(".open-console"))
    button.addEventListener("click", () => {
      button.closest(".frame").open = true;
      open(button);
    });
})();
