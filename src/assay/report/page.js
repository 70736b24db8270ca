document.querySelectorAll(".no-js").forEach((e) => e.classList.remove("no-js"));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.previousElementSibling.textContent;
  const done = () => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1500); };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done);
  else { getSelection().selectAllChildren(button.previousElementSibling); if (document.execCommand("copy")) done(); }
});
document.querySelectorAll("form[data-filter]").forEach((form) => {
  const items = [...document.querySelectorAll(form.dataset.filter)];
  const said = form.querySelector("output");
  const apply = () => {
    const wanted = [...new FormData(form)].filter(([, value]) => value);
    let shown = 0;
    items.forEach((item) => {
      item.hidden = !wanted.every(([key, value]) => key === "find"
        ? item.textContent.toLowerCase().includes(value.toLowerCase()) : item.dataset[key] === value);
      shown += !item.hidden;
    });
    said.textContent = shown + " of " + items.length;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
});
