<TMPL_INCLUDE NAME="header.tpl">
<main class="hds-container content narrow">
  <h1 class="heading-xl-mobile" trspan="sfaManager"></h1>
  <noscript><p class="message message-warning" trspan="needsScripts"></p></noscript>
  <div id="color" class="message message-<TMPL_VAR NAME="ALERT">" role="status">
    <span id="msg" trspan="<TMPL_IF NAME="REG_REQUIRED">2fRegRequired<TMPL_ELSE><TMPL_VAR NAME="MSG"></TMPL_IF>"></span>
  </div>
  <TMPL_IF NAME="SFDEVICES">
  <section class="form">
    <table class="hds-table hds-table--light">
      <thead>
        <tr class="hds-table__header-row">
          <th scope="col" trspan="type"></th>
          <th scope="col" trspan="name"></th>
          <th scope="col" trspan="date"></th>
          <th scope="col" trspan="action"></th>
        </tr>
      </thead>
      <tbody class="hds-table__content">
        <TMPL_LOOP NAME="SFDEVICES">
        <tr id="delete-<TMPL_VAR NAME="epoch">">
          <td><TMPL_VAR NAME="type"></td>
          <td><TMPL_VAR NAME="name" ESCAPE=HTML></td>
          <td class="data-epoch"><TMPL_VAR NAME="epoch"></td>
          <td><TMPL_IF NAME="delAllowed"><button type="button" class="hds-button hds-button--secondary remove2f" device="<TMPL_VAR NAME="type">" epoch="<TMPL_VAR NAME="epoch">" prefix="<TMPL_VAR NAME="prefix">" trspan="unregister"></button></TMPL_IF></td>
        </tr>
        </TMPL_LOOP>
      </tbody>
    </table>
  </section>
  </TMPL_IF>
  <h2 class="heading-m" trspan="addSecondFactor"></h2>
  <p class="actions">
    <TMPL_LOOP NAME="MODULES">
    <a class="hds-button hds-button--primary" href="<TMPL_VAR NAME="URL">" trspan="<TMPL_VAR NAME="CODE">2f"></a>
    </TMPL_LOOP>
  </p>
  <p><a id="goback" class="hds-link" href="<TMPL_VAR NAME="PORTAL_URL">?cancel=1" trspan="back2Portal"></a></p>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/2fregistration.min.js"></script>
</main>
<TMPL_INCLUDE NAME="footer.tpl">
