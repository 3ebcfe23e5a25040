/** The kinds of channel, as far as a lane has to know them: which are bulk. Their types are in `../kinds`. */

import { BULK, type Class, INTERACTIVE } from "./schedule.ts";

/** Streams and transfers; every other kind is interactive, those that this version does not know as well. */
const BULK_KINDS =
  "exec process.attach process.logs file.read file.write file.search file.watch file.tree_read file.tree_write tcp.connect port.watch kernel.run backup.create backup.restore";

/** The default class of a kind. */
export const classOf = (name: string): Class => (BULK_KINDS.split(" ").includes(name) ? BULK : INTERACTIVE);
