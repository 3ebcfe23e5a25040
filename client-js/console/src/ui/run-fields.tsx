/** The fields of forms that make something run: what it is called, where it runs, with which variables. */

import { parseEnv } from "./env.ts";
import { TextField } from "./field.tsx";
import { idProblem } from "./id-problem.ts";
import { TextArea } from "./text-area.tsx";

/** What each of the fields is told. */
interface FieldProps {
  value: string;
  onInput: (value: string) => void;
}

/** The id of what is made, and what is wrong with it: that {@link idProblem} says. */
export function NameField(props: FieldProps & { autoFocus?: boolean; disabled?: boolean }) {
  return <TextField {...props} label="Name" mono placeholder="made up when empty" error={idProblem(props.value)} />;
}

/** A directory, which need not be said. */
export function DirectoryField(props: FieldProps & { /** Default: `Working directory`. */ label?: string }) {
  return <TextField label="Working directory" {...props} mono placeholder="the workspace" />;
}

/** Variables as lines, and what is wrong with them: that {@link parseEnv} says. */
export function EnvironmentField(props: FieldProps & { /** Default: two of them. */ placeholder?: string }) {
  return (
    <TextArea
      placeholder={"NODE_ENV=production\nPORT=8080"}
      {...props}
      label="Environment"
      mono
      rows={3}
      error={parseEnv(props.value).problem}
    />
  );
}
