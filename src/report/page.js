"use strict";
// Tables sort by the button in each head and filter by the text in the field above; nothing else happens here.
(() => {
  let errors = 0;
  addEventListener("error", () => { errors += 1; });
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key === undefined ? cell.textContent : Number(cell.dataset.key);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a.localeCompare(b, "en", { numeric: true });
  };
  const sort = (table, column) => {
    const heads = [...table.tHead.rows[0].cells];
    const rising = heads[column].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => (rising ? 1 : -1) * compare(key(a, column), key(b, column)));
    table.tBodies[0].append(...rows);
  };
  const filter = (table, text, output) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      const content = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !words.every((word) => content.includes(word));
    }
    output.textContent = words.length ? ` ${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(table, column));
    });
    if (table.tBodies[0].rows.length < 6) return;
    const field = document.createElement("input");
    field.type = "search";
    field.className = "filter";
    field.placeholder = "filter rows";
    field.setAttribute("aria-label", `Filter rows of: ${table.caption.textContent}`);
    const output = document.createElement("output");
    field.addEventListener("input", () => filter(table, field.value, output));
    table.parentElement.before(field, output);
  });
  // Opened as report.html#check, the page uses every table once and says how that went in an attribute of its root.
  const check = () => {
    let sorted = 0;
    let filtered = 0;
    for (const table of document.querySelectorAll("table.sortable")) {
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const button = head.firstElementChild;
        for (const sign of [1, -1]) {
          button.click();
          const keys = [...table.tBodies[0].rows].map((row) => key(row, column));
          if (keys.every((k, i) => i === 0 || sign * compare(keys[i - 1], k) <= 0)) sorted += 1;
          else errors += 1;
        }
      });
      const field = table.parentElement.previousElementSibling?.previousElementSibling;
      if (!field?.matches?.("input.filter")) continue;
      const first = table.tBodies[0].rows[0].cells[0].textContent;
      field.value = first;
      field.dispatchEvent(new Event("input"));
      const left = [...table.tBodies[0].rows].filter((row) => !row.hidden);
      if (left.length && left.every((row) => row.textContent.toLowerCase().includes(first.toLowerCase()))) filtered += 1;
      else errors += 1;
      field.value = "";
      field.dispatchEvent(new Event("input"));
    }
    const seen = [...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().width > 100);
    document.documentElement.dataset.check = `sorted=${sorted} filtered=${filtered} figures=${seen.length} errors=${errors}`;
  };
  if (location.hash === "#check") check();
})();
