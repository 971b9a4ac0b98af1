// How much is made: a bar for each day, the target as a line, and what each platform still lacks today.

import { element, say, show } from "./cards.js";

const DATE = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });

const at = (id) => document.getElementById(id);

export function showVolume(volume) {
  const most = Math.max(volume.target_per_day, ...volume.days.map((one) => one.renders));
  const bars = volume.days.map((one) => ({ ...one, most, volume, today: one.day === volume.day }));
  show(at("volume-days"), bars, (one) => one.day, dayBar);
  show(at("volume-platforms"), volume.platforms, (one) => one.platform, platformGoal);
  say(at("volume-sentence"), volume.sentence.charAt(0).toUpperCase() + volume.sentence.slice(1));
  const zone = volume.time_zone === "UTC" ? "UTC" : `${volume.time_zone} time`;
  say(at("volume-pace"), `${volume.velocity.toLocaleString("en")} a day in the last week · days in ${zone}`);
}

function dayBar(entry) {
  const bar = element("i");
  const target = element("u");
  const label = element("span");
  entry.append(bar, target, label);
  return ({ day, renders, most, volume, today }) => {
    const date = new Date(`${day}T00:00:00Z`);
    bar.style.height = `${(100 * renders) / most}%`;
    target.style.bottom = `${(100 * volume.target_per_day) / most}%`;
    entry.className = today ? "today" : "";
    // Under each bar its number; the day is in the title, and read out.
    say(label, renders.toLocaleString("en", { notation: "compact" }));
    entry.title = `${DATE.format(date)}${today ? ", today" : ""}: ${renders.toLocaleString("en")} of ${volume.target_per_day}`;
    entry.setAttribute("aria-label", entry.title);
  };
}

function platformGoal(entry) {
  const name = element("span");
  const what = element("span");
  entry.append(name, what);
  return (one) => {
    const [done, wanted, lacking] = [one.done, one.daily_target, one.lacking].map((many) => many.toLocaleString("en"));
    say(name, one.platform);
    name.title = one.platform;
    // "6 of 3" would read like a mistake.
    const soFar = one.done > one.daily_target ? `${done}, ${wanted} wanted` : `${done} of ${wanted}`;
    say(what, one.lacking ? `${soFar} · ${lacking} lacking` : soFar);
  };
}
