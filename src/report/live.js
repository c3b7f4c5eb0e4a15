"use strict";
// Asks the server every few seconds whether there is anything new, and reloads then; the place on the page stays.
(() => {
  let known;
  const ask = async () => {
    try {
      const answer = await fetch("/version", { cache: "no-store" });
      const version = await answer.text();
      if (known !== undefined && answer.ok && version !== known) location.reload();
      if (answer.ok) known = version;
    } catch {
      // The server has gone away; the page stays as it is.
    }
  };
  ask();
  setInterval(ask, 5000);
})();
