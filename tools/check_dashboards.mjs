// Checks dashboards against the types that Grafana publishes for TypeScript.
//
//     npm install --prefix FOLDER @grafana/schema@13.2.3 typescript@7.0.2
//     node tools/check_dashboards.mjs FOLDER [FILE...]
//
// FOLDER also gets the generated program. Without files it checks examples/deploy/grafana/dashboards.
// Each dashboard is declared as a `Dashboard`, the options of each panel as those of its kind, and the
// compiler says what does not fit: a key that is not known, a value of another type, or a word that is not
// in an enumeration. The status is 1 when there is one.
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, ...named] = process.argv.slice(2);
const standing = join(dirname(fileURLToPath(import.meta.url)), "../examples/deploy/grafana/dashboards");
const files = named.length ? named : readdirSync(standing).filter((name) => name.endsWith(".json")).map((name) => join(standing, name));

// The kinds of panels, and the modules with their types.
const KINDS = { stat: "Stat", "state-timeline": "StateTimeline", table: "Table", text: "Text", timeseries: "TimeSeries" };
const module = (name) => `@grafana/schema/dist/esm/raw/composable/${name.toLowerCase()}/panelcfg/x/${name}PanelCfg_types.gen`;

const lines = [
  `import type { AnnotationQuery, AnnotationTarget, Dashboard, DataQuery } from "@grafana/schema";`,
  ...Object.values(KINDS).map((name) => `import type * as ${name} from "${module(name)}";`),
  // JSON has words where the types have enumerations.
  "type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T",
  "  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;",
  // Grafana leaves what a source adds to an annotation to the source: these are of Prometheus' own
  // annotations, and of those of Grafana by tags.
  "interface OfPrometheus { expr?: string; step?: string; titleFormat?: string; textFormat?: string; tagKeys?: string; useValueForTime?: boolean }",
  "type Annotation = Plain<Omit<AnnotationQuery, 'target'>> & OfPrometheus & { target?: Plain<AnnotationTarget> | Plain<AnnotationTarget & DataQuery> };",
  "type Checked = Omit<Plain<Dashboard>, 'annotations'> & { annotations?: { list?: Annotation[] } };",
];
let count = 0;
for (const file of files) {
  const board = JSON.parse(readFileSync(file, "utf8"));
  lines.push(`// ${basename(file)}`, `export const board${count++}: Checked = ${JSON.stringify(board, null, 1)};`);
  const panels = (board.panels ?? []).flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  for (const panel of panels.filter((panel) => panel.type !== "row")) {
    const name = KINDS[panel.type];
    if (!name) throw new Error(`${file}: the kind of panel ${panel.type} is not among those that are checked`);
    lines.push(`// ${basename(file)}: ${JSON.stringify(panel.title)}`);
    lines.push(`export const options${count++}: Partial<Plain<${name}.Options>> = ${JSON.stringify(panel.options ?? {})};`);
    const custom = panel.fieldConfig?.defaults?.custom;
    if (custom) lines.push(`export const custom${count++}: Partial<Plain<${name}.FieldConfig>> = ${JSON.stringify(custom)};`);
  }
}
const program = join(folder, "dashboards.ts");
writeFileSync(program, `${lines.join("\n")}\n`);
const compiler = join(folder, "node_modules/typescript/bin/tsc");
const options = "--noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext --target es2022".split(" ");
const { status } = spawnSync(process.execPath, [compiler, ...options, program], { stdio: "inherit" });
if (status === 0) console.log(`${files.length} dashboards and ${count - files.length} options of panels fit Grafana's types`);
process.exit(status === 0 ? 0 : 1);
