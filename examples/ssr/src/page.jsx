import { Suspense } from "preact/compat";
import { loadReviews } from "./reviews.js";

export function Page({ title }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{title}</title>
      </head>
      <body>
        <h1>{title}</h1>
        <Suspense fallback={<p>Loading reviews&hellip;</p>}>
          <Reviews reviews={later(loadReviews(title))} />
        </Suspense>
      </body>
    </html>
  );
}

function Reviews({ reviews }) {
  return (
    <ul>
      {reviews.read().map(({ by, text }) => (
        <li key={by}>
          <q>{text}</q> {by}
        </li>
      ))}
    </ul>
  );
}

/** Suspense waits for a promise that is thrown, then renders again. */
function later(promise) {
  let done = false;
  let value;
  const settled = promise.then((result) => {
    done = true;
    value = result;
  });
  return {
    read() {
      if (!done) throw settled;
      return value;
    },
  };
}
