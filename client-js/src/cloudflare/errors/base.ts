/** {@link SandboxError}: what every error of the drop-in is. */

import type { ErrorCode, OperationType } from "./codes.ts";

/** Everything that is known of an error. It is plain data: it can be sent as JSON. */
export interface ErrorResponse<TContext = Record<string, unknown>, TCode extends ErrorCode = ErrorCode> {
  /** The stable code. */
  code: TCode;
  /** What happened, for people. */
  message: string;
  /** What was attempted. */
  operation?: OperationType;
  /** Fields that belong to the error. */
  context: TContext;
  /** The HTTP status that belongs to the code. */
  httpStatus: number;
  /** When it happened: ISO 8601. */
  timestamp: string;
  /** What to do. */
  suggestion?: string;
  /** Where to read more. */
  documentation?: string;
}

/** The base of all errors: compare `code`, or catch by class. */
export class SandboxError<TContext = Record<string, unknown>, TCode extends ErrorCode = ErrorCode> extends Error {
  override readonly name: string = "SandboxError";
  /** Everything that is known of it. */
  readonly errorResponse: ErrorResponse<TContext, TCode>;

  /** An error that says this; the cause goes with it in this isolate, and is never serialised. */
  constructor(errorResponse: ErrorResponse<TContext, TCode>, options?: { cause?: unknown }) {
    super(errorResponse.message, options);
    this.errorResponse = errorResponse;
  }

  /** The stable code. */
  get code(): TCode {
    return this.errorResponse.code;
  }

  /** Fields that belong to it. */
  get context(): TContext {
    return this.errorResponse.context;
  }

  /** The HTTP status that belongs to the code. */
  get httpStatus(): number {
    return this.errorResponse.httpStatus;
  }

  /** What was attempted. */
  get operation(): OperationType | undefined {
    return this.errorResponse.operation;
  }

  /** What to do. */
  get suggestion(): string | undefined {
    return this.errorResponse.suggestion;
  }

  /** When it happened: ISO 8601. */
  get timestamp(): string {
    return this.errorResponse.timestamp;
  }

  /** Where to read more. */
  get documentation(): string | undefined {
    return this.errorResponse.documentation;
  }

  /** All of it as plain data. */
  toJSON(): {
    name: string;
    message: string;
    code: TCode;
    context: TContext;
    httpStatus: number;
    operation: OperationType | undefined;
    suggestion: string | undefined;
    timestamp: string;
    documentation: string | undefined;
    stack: string | undefined;
  } {
    const { name, message, code, context, httpStatus, operation, suggestion, timestamp, documentation, stack } = this;
    return { name, message, code, context, httpStatus, operation, suggestion, timestamp, documentation, stack };
  }
}
