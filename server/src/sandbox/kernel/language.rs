//! What differs between languages: their names, which kernel runs them, and code of ours in them.

use std::collections::BTreeMap;

use super::specs::Found;

/// The usual name of a language.
pub(super) fn canonical(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "py" | "python3" => "python".to_owned(),
        "js" | "node" => "javascript".to_owned(),
        "ts" => "typescript".to_owned(),
        _ => name,
    }
}

/// The kernel that is the usual one for a language, and the languages, as kernels call them, that run it.
pub(super) fn kernels_of(language: &str) -> (&'static str, Vec<&str>) {
    match language {
        "python" => ("python3", vec!["python"]),
        "javascript" => ("deno", vec!["javascript", "typescript"]),
        "typescript" => ("deno", vec!["typescript"]),
        other => ("", vec![other]),
    }
}

/// How to get a kernel for a language, for people.
pub(super) fn remedy(language: &str) -> String {
    match language {
        "python" => "install the package ipykernel: `pip install ipykernel`".to_owned(),
        "javascript" | "typescript" => {
            "install Deno (https://deno.com, or `npm install deno`), whose `deno jupyter` is the kernel".to_owned()
        }
        "r" => "install the R package IRkernel: `install.packages('IRkernel'); IRkernel::installspec()`".to_owned(),
        other => format!("install a Jupyter kernel for {other}, so that `jupyter kernelspec list` shows it"),
    }
}

/// Code that sets these variables, and code that undoes it; none when the kernel's language is not known well enough.
pub(super) fn variables(found: &Found, env: &BTreeMap<String, Option<String>>) -> Option<(String, String)> {
    let json = serde_json::to_string(env).ok()?;
    // A string of JSON is a string of Python and of JavaScript, too.
    let text = serde_json::to_string(&json).ok()?;
    if found.is_ipython() {
        let set = "(e.pop(k,None) if v is None else e.__setitem__(k,v))";
        let before = format!(
            "__import__('sys')._sandwire_env=(lambda e,n:({{k:e.get(k) for k in n}},[{set} for k,v in n.items()])[0])\
             (__import__('os').environ,__import__('json').loads({text}))"
        );
        let after = format!(
            "(lambda e,n:[{set} for k,v in n.items()])\
             (__import__('os').environ,__import__('sys').__dict__.pop('_sandwire_env',{{}}))"
        );
        return Some((before, after));
    }
    if found.is_deno() {
        let apply = "for(const k in n)n[k]===null?Deno.env.delete(k):Deno.env.set(k,n[k]);";
        let kept = "globalThis[Symbol.for(\"sandwire.env\")]";
        let before = format!(
            "{{const n=JSON.parse({text});const s={{}};for(const k in n)s[k]=Deno.env.get(k)??null;{kept}=s;{apply}}}"
        );
        let after = format!("{{const n={kept}??{{}};delete {kept};{apply}}}");
        return Some((before, after));
    }
    None
}

/// Code after which the kernel keeps what it has published until it is read. By itself ZeroMQ throws away all but 1000
/// messages, which a cell that prints fast is ahead of any reader; nothing is known that does so for other kernels.
pub(super) fn keep_all(found: &Found) -> Option<&'static str> {
    found.is_ipython().then_some("get_ipython().kernel.iopub_socket.io_thread.socket.sndhwm = 0")
}

/// Code that enters a directory; none when the kernel's language is not known well enough, or the path is no text.
pub(super) fn enter(found: &Found, path: &std::path::Path) -> Option<String> {
    let text = serde_json::to_string(path.to_str()?).ok()?;
    found.is_ipython().then(|| format!("__import__('os').chdir({text})"))
}
