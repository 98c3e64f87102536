const REVIEWS = [
  { by: "Virginia Woolf", text: "One of the few English novels written for grown-up people" },
  { by: "Emily Dickinson", text: "What do I think of glory?" },
];

/** Stands for a slow call to another service. */
export async function loadReviews() {
  await new Promise((done) => setTimeout(done, 200));
  return REVIEWS;
}
