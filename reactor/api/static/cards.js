// What stands in the lists of the page. Texts come from whoever inserted the job: they are only ever
// set as textContent. An item keeps its element while it is listed, so focus and progress stay put.

import { ago, bytes, clock, facts, fileName, left, span, stage, title } from "./words.js";

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// Make the list show these items: known ones are updated in place, others added, gone ones removed.
export function show(list, items, keyOf, create) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, place) => {
    const key = String(keyOf(item));
    let entry = known.get(key);
    known.delete(key);
    if (!entry) {
      entry = element("li");
      entry.dataset.key = key;
      entry.update = create(entry);
    }
    entry.update(item);
    if (list.children[place] !== entry) list.insertBefore(entry, list.children[place] || null);
  });
  known.forEach((entry) => entry.remove());
}

export function runningRow(entry) {
  const name = element("strong");
  const what = element("span", "soft");
  const where = element("span", "soft");
  const time = element("span", "time");
  const bar = element("progress");
  bar.max = 100;
  entry.className = "running";
  entry.append(
    element("div", "line", name, time),
    bar,
    element("div", "line", what, where),
  );
  return (job) => {
    say(name, title(job));
    say(what, facts(job));
    say(where, stage(job));
    say(time, [`${Math.floor(job.progress)} %`, left(job)].filter(Boolean).join(" · "));
    bar.value = job.progress;
    bar.setAttribute("aria-label", `Progress of job ${job.id}`);
    entry.dataset.stage = job.stage || "";
  };
}

export function finishedCard(play) {
  return (entry) => {
    const picture = element("img");
    const length = element("span", "length");
    const name = element("strong");
    const what = element("span", "soft");
    const when = element("span", "soft");
    const frame = element("span", "frame", picture, element("span", "play"), length);
    const button = element("button", "card", frame, name, what, when);
    let shown = null;
    button.type = "button";
    picture.alt = "";
    picture.loading = "lazy";
    picture.decoding = "async";
    picture.addEventListener("error", () => picture.remove());
    button.addEventListener("click", () => play(shown));
    entry.append(button);
    return (job) => {
      shown = job;
      const source = job.thumbnail_url || (isImage(job) ? job.video_url : null);
      // A job without a picture has an empty frame; an image without a source draws a border into it.
      picture.hidden = !source;
      if (source && picture.getAttribute("src") !== source) picture.src = source;
      say(name, title(job));
      say(what, facts(job));
      say(when, [bytes(job.file_size_bytes), tookWords(job), ago(job.completed_at)].filter(Boolean).join(" · "));
      say(length, job.duration_s ? clock(job.duration_s) : "");
      button.disabled = !job.video_url;
      button.setAttribute("aria-label", `${isImage(job) ? "Show" : "Play"} job ${job.id}, ${title(job)}`);
    };
  };
}

export function failedRow(entry) {
  const name = element("strong");
  const kind = element("span", "tag");
  const what = element("span", "soft");
  const why = element("p", "why");
  const command = element("code");
  const code = element("div", "code", element("pre", "", command));
  entry.append(element("div", "line", name, kind), why, what, code);
  addCopy(code);
  return (job) => {
    say(name, title(job));
    say(kind, (job.error_class || "unknown").replace("_", " "));
    say(why, job.error_message || "No reason was given.");
    say(what, [facts(job), ago(job.completed_at)].filter(Boolean).join(" · "));
    say(command, `select reactor.retry(${job.id});`);
  };
}

export function alertRow(entry) {
  const what = element("p", "why");
  const when = element("span", "soft");
  entry.append(what, when);
  return (alert) => {
    say(what, alert.message);
    say(when, `${alert.kind.replaceAll("_", " ")} · ${ago(alert.raised_at)}`);
  };
}

export function waitingRow(entry) {
  const name = element("span");
  const what = element("span", "soft");
  entry.append(name, what);
  return (job) => {
    say(name, title(job));
    say(what, job.error_class ? `#${job.id} · again after ${job.error_class.replace("_", " ")}` : facts(job));
  };
}

export function orphanRow(entry) {
  const name = element("code");
  const why = element("span", "soft");
  entry.append(name, why);
  return (orphan) => {
    say(name, fileName(orphan.path));
    name.title = orphan.path;
    say(why, [orphan.reason, bytes(orphan.size_bytes)].join(" · "));
  };
}

export function agentRow(entry) {
  const dot = element("span", "dot");
  const name = element("span");
  const what = element("span", "soft");
  entry.append(element("span", "", dot, name), what);
  return (agent) => {
    dot.dataset.tone = { running: "good", stopped: "quiet" }[agent.status] || "bad";
    say(name, `${agent.name || agent.kind} ${agent.version || ""}`);
    const pid = agent.pid ? `pid ${agent.pid}` : "";
    say(what, [agent.kind, agent.status, agent.host, pid].filter(Boolean).join(" · "));
  };
}

export function addCopy(box) {
  const button = element("button", "copy quiet", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    const code = box.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      say(button, "Copied");
    } catch {
      getSelection().selectAllChildren(code);
      say(button, "Selected");
    }
    setTimeout(() => say(button, "Copy"), 2000);
  });
  box.append(button);
}

export function isImage(job) {
  return (job.media_type || "").startsWith("image/");
}

function tookWords(job) {
  return job.seconds === null ? "" : `in ${span(job.seconds)}`;
}
