/** What the client says of kernels and of git, in the words of the drop-in. */

import type { SandwireError } from "../../error.ts";
import type { SandboxError } from "./base.ts";
import type { Attempt } from "./convert.ts";
import { createError, type ErrorOptions } from "./create.ts";

/** The error, when it is one of a kernel or of git. */
export function toolError(
  { code, message, context }: SandwireError,
  what: Attempt,
  options: ErrorOptions,
): SandboxError | undefined {
  const { contextId = text(context["id"]) ?? "", language = text(context["language"]) } = what;
  const { repository, branch, targetDir } = what;
  const git = {
    ...(repository !== undefined && { repository }),
    ...(branch !== undefined && { branch }),
    ...(targetDir !== undefined && { targetDir }),
    ...(typeof context["exit_code"] === "number" && { exitCode: context["exit_code"] }),
    stderr: message,
  };
  switch (code) {
    case "KERNEL_NOT_FOUND":
      return createError("CONTEXT_NOT_FOUND", message, { contextId }, options);
    case "KERNEL_DIED":
    case "KERNEL_EXISTS":
      return createError(
        "CODE_EXECUTION_ERROR",
        message,
        { ...context, contextId, ename: "KernelDied", evalue: message, traceback: [] },
        options,
      );
    case "KERNEL_START_FAILED":
      return createError("INTERPRETER_NOT_READY", message, { ...context }, options);
    case "KERNEL_SPEC_NOT_FOUND": {
      const python = language === undefined || language === "python";
      return createError(
        python ? "PYTHON_NOT_AVAILABLE" : "JAVASCRIPT_NOT_AVAILABLE",
        message,
        { ...context },
        options,
      );
    }
    case "INVALID_GIT_URL":
      return createError(code, message, { validationErrors: [{ field: "repoUrl", message }] }, options);
    case "GIT_REPOSITORY_NOT_FOUND":
    case "GIT_AUTH_FAILED":
    case "GIT_BRANCH_NOT_FOUND":
    case "GIT_NETWORK_ERROR":
    case "GIT_CLONE_FAILED":
    case "GIT_CHECKOUT_FAILED":
      return createError(code, message, git, options);
    case "GIT_NOT_INSTALLED":
      return createError("GIT_OPERATION_FAILED", message, git, options);
    default:
      return undefined;
  }
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
