/** The protocol, pure: frames, lanes, channels, windows. */
export {};
