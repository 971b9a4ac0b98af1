// Numbers and names as people read them. Nothing here touches the page.

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const STAGES = {
  claimed: "starting",
  rendering: "rendering",
  rendered: "checking the file",
  publishing: "moving into the library",
};

export function bytes(count) {
  if (count === null || count === undefined) return "";
  let unit = 0;
  let rest = count;
  while (rest >= 1000 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${rest < 10 && unit > 0 ? rest.toFixed(1) : Math.round(rest)} ${UNITS[unit]}`;
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function clock(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function ago(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  if (Number.isNaN(seconds)) return "";
  return seconds < 10 ? "just now" : `${span(seconds)} ago`;
}

export function title(job) {
  return job.title || [job.niche, job.platform].filter(Boolean).join(" · ") || `Job ${job.id}`;
}

export function facts(job) {
  const names = job.title ? [job.niche, job.platform] : [];
  return [`#${job.id}`, ...names, job.template_id, job.quality].filter(Boolean).join(" · ");
}

export function stage(job) {
  const again = job.attempt > 1 ? `, attempt ${job.attempt}` : "";
  return (STAGES[job.stage] || job.status) + again;
}

export function left(job) {
  if (job.stage !== "rendering" || job.eta_s === null) return "";
  return job.eta_s < 1 ? "almost done" : `${span(Math.round(job.eta_s))} left`.replace(".0 s", " s");
}

export function counted(count, one, many) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function fileName(path) {
  return path.split("/").pop();
}
