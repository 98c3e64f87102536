// A small JSON API: URL, headers, a body that is read, an answer that is written.
export default {
  async fetch(request) {
    const url = new URL(request.url);
    const { items } = await request.json();
    return Response.json({
      path: url.pathname,
      page: url.searchParams.get("page"),
      agent: request.headers.get("user-agent"),
      total: items.reduce((sum, item) => sum + item.price * item.count, 0),
    });
  },
};
