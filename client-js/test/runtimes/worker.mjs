// Runs the list in workerd: a request's body is the places, the answer the outcomes.
import { runAll } from "list.mjs";
import * as sandwire from "sandwire/index.js";

export default {
  async fetch(request) {
    return Response.json(await runAll(sandwire, await request.json()));
  },
};
