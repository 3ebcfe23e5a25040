/** The client. */
export {};
