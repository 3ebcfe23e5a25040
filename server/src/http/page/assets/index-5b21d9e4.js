const find = (id) => document.getElementById(id);
const [state, form, token, out] = ["state", "sign-in", "token", "sign-out"].map(find);

async function show() {
  const answer = await fetch("./v1/session");
  const session = answer.ok ? await answer.json() : null;
  form.hidden = answer.status !== 401;
  out.hidden = session === null || session.open;
  if (session === null) state.textContent = "You are not signed in.";
  else state.textContent = `You may use: ${session.scopes.join(", ")}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ token: token.value });
  token.value = "";
  const answer = await fetch("./v1/session", { method: "POST", body });
  if (answer.ok) await show();
  else state.textContent = (await answer.json()).message;
});

out.addEventListener("click", async () => {
  await fetch("./v1/session", { method: "DELETE" });
  await show();
});

await show();
