// Gathers what the pages use of the Helsinki Design System into one stylesheet, with the typeface beside it.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const hds = join(here, "node_modules", "hds-core", "lib");
const font = join(here, "node_modules", "@fontsource-variable", "hanken-grotesk");
const vendor = join(here, "..", "static", "vendor");

const COMPONENTS = [
  "button", "card", "container", "link", "notification", "pagination", "status-label", "table", "tag", "text-input",
];
const ICONS = [
  "angle-right", "calendar", "children", "family", "group", "home", "lock", "scroll-content", "search", "signin",
  "signout", "speechbubble-text", "swap-user", "user",
];

rmSync(vendor, { recursive: true, force: true });
mkdirSync(vendor, { recursive: true });

// The design system's own typeface belongs to the City of Helsinki and comes from a foreign server; ours is open.
const faces = ["latin", "latin-ext"].map((subset) => {
  const file = `hanken-grotesk-${subset}-wght-normal.woff2`;
  copyFileSync(join(font, "files", file), join(vendor, file));
  const ranges = JSON.parse(readFileSync(join(font, "unicode.json"), "utf8"));
  return `@font-face{font-family:"Hanken Grotesk";font-display:swap;font-weight:100 900;src:url("${file}") format("woff2");unicode-range:${ranges[subset]}}`;
});

const sheets = [
  join(hds, "base.min.css"),
  ...COMPONENTS.map((name) => join(hds, "components", name, `${name}.min.css`)),
  ...ICONS.map((name) => join(hds, "icons", `${name}.min.css`)),
].map((file) => readFileSync(file, "utf8").replace(/\/\*# sourceMappingURL=.*?\*\//g, ""));

writeFileSync(join(vendor, "hds.css"), [...faces, ...sheets].join("\n"));
copyFileSync(join(here, "node_modules", "hds-core", "LICENSE"), join(vendor, "hds-core.LICENSE"));
copyFileSync(join(font, "LICENSE"), join(vendor, "hanken-grotesk.LICENSE"));
