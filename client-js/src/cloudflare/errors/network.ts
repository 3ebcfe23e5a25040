/** Errors of ports and of Git. */

import { SandboxError } from "./base.ts";
import type {
  GitContext,
  InvalidPortContext,
  PortAlreadyExposedContext,
  PortContext,
  PortErrorContext,
  ValidationFailedContext,
} from "./contexts.ts";

/** The port is exposed already. */
export class PortAlreadyExposedError extends SandboxError<PortAlreadyExposedContext, "PORT_ALREADY_EXPOSED"> {
  override readonly name: string = "PortAlreadyExposedError";

  /** The port. */
  get port(): number {
    return this.context.port;
  }

  /** Its name. */
  get portName(): string | undefined {
    return this.context.portName;
  }
}

/** The port is not exposed. */
export class PortNotExposedError extends SandboxError<PortContext, "PORT_NOT_EXPOSED"> {
  override readonly name: string = "PortNotExposedError";

  /** The port. */
  get port(): number {
    return this.context.port;
  }
}

/** The port cannot be used. */
export class InvalidPortError extends SandboxError<InvalidPortContext, "INVALID_PORT_NUMBER" | "INVALID_PORT"> {
  override readonly name: string = "InvalidPortError";

  /** The port. */
  get port(): number {
    return this.context.port;
  }

  /** Why not. */
  get reason(): string {
    return this.context.reason;
  }
}

/** Nobody answers on the port. */
export class ServiceNotRespondingError extends SandboxError<PortErrorContext, "SERVICE_NOT_RESPONDING"> {
  override readonly name: string = "ServiceNotRespondingError";

  /** The port. */
  get port(): number {
    return this.context.port;
  }

  /** Its name. */
  get portName(): string | undefined {
    return this.context.portName;
  }
}

/** Somebody uses the port. */
export class PortInUseError extends SandboxError<PortContext, "PORT_IN_USE"> {
  override readonly name: string = "PortInUseError";

  /** The port. */
  get port(): number {
    return this.context.port;
  }
}

/** Something else is wrong with the port. */
export class PortError extends SandboxError<PortErrorContext, "PORT_OPERATION_ERROR"> {
  override readonly name: string = "PortError";

  /** The port. */
  get port(): number {
    return this.context.port;
  }

  /** Its name. */
  get portName(): string | undefined {
    return this.context.portName;
  }

  /** What was said of it. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }
}

/** Preview URLs need a domain of your own: `*.workers.dev` has no wildcard. */
export class CustomDomainRequiredError extends SandboxError<object, "CUSTOM_DOMAIN_REQUIRED"> {
  override readonly name: string = "CustomDomainRequiredError";
}

/** There is no such repository, or it may not be read. */
export class GitRepositoryNotFoundError extends SandboxError<GitContext, "GIT_REPOSITORY_NOT_FOUND"> {
  override readonly name: string = "GitRepositoryNotFoundError";

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }
}

/** The repository wants other credentials. */
export class GitAuthenticationError extends SandboxError<GitContext, "GIT_AUTH_FAILED"> {
  override readonly name: string = "GitAuthenticationError";

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }
}

/** The repository has no such branch. */
export class GitBranchNotFoundError extends SandboxError<GitContext, "GIT_BRANCH_NOT_FOUND"> {
  override readonly name: string = "GitBranchNotFoundError";

  /** The branch. */
  get branch(): string | undefined {
    return this.context.branch;
  }

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }
}

/** The repository cannot be reached. */
export class GitNetworkError extends SandboxError<GitContext, "GIT_NETWORK_ERROR"> {
  override readonly name: string = "GitNetworkError";

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }

  /** The branch. */
  get branch(): string | undefined {
    return this.context.branch;
  }

  /** The directory. */
  get targetDir(): string | undefined {
    return this.context.targetDir;
  }
}

/** The repository could not be cloned. */
export class GitCloneError extends SandboxError<GitContext, "GIT_CLONE_FAILED"> {
  override readonly name: string = "GitCloneError";

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }

  /** The directory. */
  get targetDir(): string | undefined {
    return this.context.targetDir;
  }

  /** What was said of it. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }

  /** The exit code, when there is one. */
  get exitCode(): number | undefined {
    return this.context.exitCode;
  }
}

/** The branch could not be checked out. */
export class GitCheckoutError extends SandboxError<GitContext, "GIT_CHECKOUT_FAILED"> {
  override readonly name: string = "GitCheckoutError";

  /** The branch. */
  get branch(): string | undefined {
    return this.context.branch;
  }

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }

  /** What was said of it. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }
}

/** This is no URL of a repository. */
export class InvalidGitUrlError extends SandboxError<ValidationFailedContext, "INVALID_GIT_URL"> {
  override readonly name: string = "InvalidGitUrlError";

  /** What is wrong with it. */
  get validationErrors(): ValidationFailedContext["validationErrors"] {
    return this.context.validationErrors;
  }
}

/** Git said something else. */
export class GitError extends SandboxError<GitContext, "GIT_OPERATION_FAILED"> {
  override readonly name: string = "GitError";

  /** The repository. */
  get repository(): string | undefined {
    return this.context.repository;
  }

  /** The branch. */
  get branch(): string | undefined {
    return this.context.branch;
  }

  /** The directory. */
  get targetDir(): string | undefined {
    return this.context.targetDir;
  }

  /** What was said of it. */
  get stderr(): string | undefined {
    return this.context.stderr;
  }

  /** The exit code, when there is one. */
  get exitCode(): number | undefined {
    return this.context.exitCode;
  }
}
