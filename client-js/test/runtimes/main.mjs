// Runs the list in a runtime that has files and a console: `main.mjs DIST/index.js LIST PLACES`.
const [entry, list, places] = process.argv.slice(-3);
const sandwire = await import(entry);
const { runAll } = await import(list);
process.stdout.write(JSON.stringify(await runAll(sandwire, JSON.parse(places))));
