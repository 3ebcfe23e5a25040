/** How logs are shown, remembered in this browser. */

import type { Signal } from "@preact/signals";
import { isBoolean, remembered } from "../../app/settings.ts";

/** Whether long lines are broken at the edge. */
export const wrapLines: Signal<boolean> = remembered("log-wrap", true, isBoolean);

/** Whether each line has the time at which the server read it. */
export const showTimes: Signal<boolean> = remembered("log-times", false, isBoolean);
