// The live page: asks for the status again and again, and shows it.

import {
  addCopy, agentRow, alertRow, element, failedRow, finishedCard, isImage, orphanRow, runningRow, say, show,
  waitingRow,
} from "./cards.js";
import { showVolume } from "./volume.js";
import { bytes, clock, counted, facts, fileName, span, title } from "./words.js";

const STATUS = "/api/renderer/status";
const EVERY_MS = 1000;
const HIDDEN_MS = 15000;
const SLOWEST_MS = 15000;
const LIMIT_MS = 8000;
const LISTED_WAITING = 6;

const at = (id) => document.getElementById(id);
let failures = 0;
let timer = 0;
let asking = false;
let newest = null;

class Refusal extends Error {
  constructor(state, message) {
    super(message);
    this.state = state;
  }
}

async function ask() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    const answer = await fetch(STATUS, { cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
    const body = await answer.json();
    if (!answer.ok) throw new Refusal(answer.status === 503 ? "database away" : "in trouble", body.detail);
    failures = 0;
    showStatus(body);
  } catch (wrong) {
    failures += 1;
    showFailure(wrong);
  } finally {
    asking = false;
    timer = setTimeout(ask, pause());
  }
}

function pause() {
  if (document.hidden) return HIDDEN_MS;
  return Math.min(SLOWEST_MS, EVERY_MS * 2 ** Math.min(failures, 5));
}

function showStatus(status) {
  const { jobs } = status;
  document.body.classList.remove("stale");
  showNumbers(status);
  showState(status);
  showRenderer(status.renderer);
  showVolume(status.volume);
  list("running", status.running, (job) => job.id, runningRow);
  list("recent", status.recent, (job) => job.id, finishedCard(play));
  list("alerts", status.alerts.filter((alert) => alert.kind !== "job_failed"), (alert) => alert.id, alertRow);
  list("failed", status.failed, (job) => job.id, failedRow);
  list("waiting", status.waiting.slice(0, LISTED_WAITING), (job) => job.id, waitingRow);
  list("orphans", status.orphans, (orphan) => orphan.path, orphanRow);
  list("agents", status.agents, (agent) => agent.agent_id, agentRow);
  const more = jobs.pending - LISTED_WAITING;
  at("waiting-more").hidden = more <= 0;
  say(at("waiting-more"), `and ${counted(more, "more", "more")}`);
  const nothing = !(jobs.pending || jobs.processing || jobs.complete || jobs.failed);
  at("welcome").hidden = !nothing;
  at("insert").hidden = nothing;
  at("volume-section").hidden = nothing;
  at("running-section").hidden = nothing;
  at("recent-section").hidden = nothing;
  tellNews(status);
}

function list(name, items, keyOf, create) {
  show(at(name), items, keyOf, create);
  if (at(`${name}-empty`)) at(`${name}-empty`).hidden = items.length > 0;
  else at(`${name}-section`).hidden = items.length === 0;
}

function showNumbers({ jobs, reactor, paused }) {
  for (const name of ["processing", "pending", "complete_today", "failed"]) {
    say(at(`n-${name}`), jobs[name].toLocaleString("en"));
  }
  const { used, total } = reactor.slots;
  say(at("note-processing"), total ? `${used} of ${counted(total, "slot", "slots")} here` : "no slots here now");
  const waited = jobs.oldest_due_s === null ? "nothing is due" : `longest for ${span(jobs.oldest_due_s)}`;
  say(at("note-pending"), paused ? "paused" : waited);
  say(at("note-complete"), `${jobs.complete.toLocaleString("en")} in all`);
  say(at("note-failed"), jobs.failed ? "each with its reason" : "none");
  at("n-failed").dataset.tone = jobs.failed ? "bad" : "";
  const busy = jobs.processing ? `${jobs.processing} rendering · ` : "";
  say(document.querySelector("title"), `${busy}Render reactor`);
  say(at("about"), `${reactor.name} ${reactor.version}, up ${span(Math.floor(reactor.uptime_s / 60) * 60) || "0 s"}`);
}

function showState({ paused, draining, reactor }) {
  if (draining) setState("draining", "warn", "This reactor is shutting down: what is rendering may finish, nothing new begins.");
  else if (paused) setState("paused", "warn", "Paused: nothing new begins until somebody runs bin/reactor resume.");
  else if (!reactor.listener.healthy) setState("polling", "warn", "Notifications are not heard just now; the sweep finds new rows, a little later.");
  else setState("live", "good", "");
}

function showFailure(wrong) {
  const seconds = pause() / 1000;
  const known = wrong instanceof Refusal;
  const why = known ? capital(wrong.message) : "The reactor does not answer";
  document.body.classList.add("stale");
  setState(known ? wrong.state : "no answer", "bad", `${why}. Trying again every ${seconds} s.`.replace("..", "."));
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function setState(word, tone, explanation) {
  say(at("state"), word);
  at("state").dataset.tone = tone;
  at("banner").hidden = !explanation;
  at("banner").dataset.tone = tone;
  say(at("banner"), explanation);
}

function showRenderer(renderer) {
  at("renderer-dot").dataset.tone = renderer.running ? "good" : "bad";
  const pid = renderer.pid ? ` · pid ${renderer.pid}` : "";
  say(at("renderer"), renderer.running
    ? `Render server ${renderer.name} ${renderer.version || ""} · ${renderer.busy} of ${renderer.capacity ?? "?"} busy · ${renderer.url}${pid}`
    : `No render server answers at ${renderer.url}; jobs wait until it is back.`);
  if (renderer.templates.length) say(at("templates"), renderer.templates.join(", "));
}

// For those who listen instead of look: only what has ended since the last time.
function tellNews(status) {
  const ended = [...status.recent.map((job) => [job, "is finished"]), ...status.failed.map((job) => [job, "failed"])];
  const ids = new Set(ended.map(([job]) => job.id));
  if (newest) {
    const fresh = ended.filter(([job]) => !newest.has(job.id));
    if (fresh.length) say(at("news"), fresh.map(([job, what]) => `${title(job)} ${what}.`).join(" "));
  }
  newest = ids;
}

function play(job) {
  const player = at("player");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const picture = element(isImage(job) ? "img" : "video");
  if (isImage(job)) {
    picture.alt = title(job);
  } else {
    picture.controls = true;
    picture.autoplay = !calm;
    picture.playsInline = true;
    if (job.thumbnail_url) picture.poster = job.thumbnail_url;
  }
  picture.src = job.video_url;
  picture.addEventListener("error", () => at("player-stage").replaceChildren(
    element("p", "empty", "This file cannot be shown here; it may have been moved. Its place is below."),
  ));
  at("player-stage").replaceChildren(picture);
  say(at("player-title"), title(job));
  say(at("player-facts"), [facts(job), clock(job.duration_s), bytes(job.file_size_bytes), job.output_path]
    .filter(Boolean).join(" · "));
  at("player-save").href = job.video_url;
  at("player-save").download = fileName(job.output_path);
  player.showModal();
}

at("player").addEventListener("close", () => at("player-stage").replaceChildren());
at("player").addEventListener("click", (event) => {
  if (event.target === at("player")) at("player").close();
});
at("player-close").addEventListener("click", () => at("player").close());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) ask();
});
document.querySelectorAll("[data-copy]").forEach(addCopy);
ask();
