// The proxy under test: the upstream's response goes on untouched. NANO and workerd run this file.
export default {
  fetch(request, env) {
    return fetch(env.UPSTREAM + new URL(request.url).pathname);
  },
};
