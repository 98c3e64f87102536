/**
 * Makes a function from method and path to `{ handler, params }`, to `{ allow }` when the path is known under other
 * methods only, or to `{}`. A segment such as `:id` matches anything but a slash.
 */
export function createRouter(routes) {
  const compiled = routes.map(([method, path, handler]) => ({ method, handler, segments: path.split("/") }));

  return (method, path) => {
    const matches = compiled
      .map((route) => ({ ...route, params: matchSegments(route.segments, path.split("/")) }))
      .filter((route) => route.params);
    const found = matches.find((route) => route.method === method);
    if (found) return { handler: found.handler, params: found.params };
    if (matches.length > 0) return { allow: matches.map((route) => route.method).join(", ") };
    return {};
  };
}

function matchSegments(pattern, actual) {
  if (pattern.length !== actual.length) return undefined;
  const params = {};
  for (const [index, segment] of pattern.entries()) {
    if (segment.startsWith(":")) {
      if (actual[index] === "") return undefined;
      params[segment.slice(1)] = decode(actual[index]);
    } else if (segment !== actual[index]) {
      return undefined;
    }
  }
  return params;
}

/** A malformed escape such as `%zz` is taken as it stands; it matches no book. */
function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
