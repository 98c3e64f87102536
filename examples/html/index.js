import page from "./page.html.txt";
import style from "./style.css.txt";

const YEAR_SECONDS = 365 * 24 * 60 * 60;
const MAX_NAME_CHARACTERS = 100;

export default {
  fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/style.css") return new Response(style, { headers: { "content-type": "text/css; charset=utf-8" } });
    if (url.pathname !== "/") return Response.redirect(new URL("/", url), 302);

    const cookies = parseCookies(request.headers.get("cookie") ?? "");
    const name = shorten(url.searchParams.get("name") ?? cookies.get("name") ?? "stranger");
    const visits = (Number.parseInt(cookies.get("visits"), 10) || 0) + 1;

    const body = fill(page, { name, visits, method: request.method, url: url.href, runtime: navigator.userAgent }, {
      headers: [...request.headers].map(([key, value]) => `<tr><th>${escapeHtml(key)}</th><td>${escapeHtml(value)}</td></tr>`).join("\n"),
    });
    const response = new Response(body, {
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'",
      },
    });
    response.headers.append("set-cookie", cookie("visits", visits));
    response.headers.append("set-cookie", cookie("name", name));
    return response;
  },
};

/** Replaces `{{key}}` by the escaped text, or by the markup as it stands. */
function fill(template, texts, markup) {
  return template.replace(/\{\{(\w+)\}\}/g, (_, key) => markup[key] ?? escapeHtml(String(texts[key])));
}

/** By characters, not by UTF-16 units: half a pair cannot go into a cookie. */
function shorten(name) {
  return [...name].slice(0, MAX_NAME_CHARACTERS).join("");
}

function escapeHtml(text) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

function cookie(name, value) {
  return `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${YEAR_SECONDS}; HttpOnly; SameSite=Lax`;
}

function parseCookies(header) {
  const pairs = header.split(";").map((pair) => pair.trim().split("=", 2));
  return new Map(pairs.filter(([, value]) => value !== undefined).map(([name, value]) => [name, decode(value)]));
}

/** A client may send anything: what is not an escape stays as it is. */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
